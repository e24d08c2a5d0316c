/**
 * Replaces a folder and is killed before the Nth call to the file system: a process that ends there, as by `kill -9`.
 *
 * usage: node replace-until.mjs FOLDER N exchange|rename      exits 0 where fewer than N calls were made
 */
import fs from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";

const [folder, at, how] = process.argv.slice(2);
let calls = 0;
for (const name of ["mkdir", "open", "readdir", "rename", "rm", "stat", "writeFile"]) {
  const real = fs[name];
  fs[name] = (...given) => {
    if (++calls === Number(at)) process.kill(process.pid, "SIGKILL");
    return real(...given);
  };
}
syncBuiltinESMExports();

const { replaceFolder } = await import("../../dist/files/replace-folder.js");
await replaceFolder(
  folder,
  async (incoming) => {
    await fs.mkdir(`${incoming}/onnx`);
    await fs.writeFile(`${incoming}/onnx/model.onnx`, "new");
    await fs.writeFile(`${incoming}/classifier.json`, "new");
  },
  {
    isOurs: (path) => ["classifier.json", "onnx/model.onnx", "onnx/stale.onnx"].includes(path),
    ...(how === "rename" && { exchange: async () => false }),
  },
);
