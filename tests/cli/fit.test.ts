/** `fovea fit` on folders of images made for the purpose, and `fovea predict` with what it wrote. */
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { fovea } from "../support/command-line.js";
import { imageFolder, temporaryFolder, trainTiny } from "../support/trained-run.js";

const root = temporaryFolder("fit");
const photos = join(root, "photos");
const network = join(root, "run");
const model = join(root, "model");
const common = ["--threads", "1"];

beforeAll(async () => {
  await trainTiny(network);
  await imageFolder(photos, { apple: 10, leaf: 9, sky: 8 });
});
afterAll(() => rmSync(root, { recursive: true }));

test("a folder of photos becomes a classifier with an expected accuracy, which predict uses", async () => {
  const { status, stdout, stderr } = await fovea(
    ...["fit", photos, "--backbone", "pixels:4", "--output", model, "--folds", "3", ...common],
  );
  expect(stderr).toMatch(/image 27\/27 {2}100 %/);
  expect(stderr).toMatch(/fit \d+\/\d+ {2}100 %/);
  expect(status).toBe(0);
  expect(stdout).toMatch(/photos: 3 classes, 27 images; backbone pixels:4 \(48 features\)\n/);
  expect(stdout).toMatch(/\nridge regression, l2 by leaving one out +100\.0 % {2}chosen\n/);
  expect(stdout).toMatch(
    /\nexpected accuracy on new images like these: 100\.0 %, 95 % interval 87\.5 % to 100\.0 % \(chance 33\.3 %\)\n {2}nested 3-fold cross-validation: each of 27 images/,
  );
  expect(stdout).toMatch(/\nno two classes were confused\n/);
  expect(stdout).toMatch(/\nnpx fovea predict .*model photo\.jpg\n$/);
  expect(readdirSync(model).sort()).toEqual(
    [
      "README.md",
      "classifier.json",
      "config.json",
      "head.safetensors",
      "onnx",
      "preprocessor_config.json",
      "report.html",
    ].sort(),
  );
  expect(JSON.parse(readFileSync(join(model, "config.json"), "utf8")).id2label).toEqual({
    0: "apple",
    1: "leaf",
    2: "sky",
  });
  expect(readFileSync(join(model, "README.md"), "utf8")).toMatch(
    /expected accuracy .* 100\.0 % \(95 % interval 87\.5 %/,
  );
  expect(readFileSync(join(model, "report.html"), "utf8")).toMatch(/There are no mistakes/);

  const named = await fovea("predict", model, join(photos, "leaf/3.png"), join(photos, "sky/1.png"), ...common);
  expect(named.status).toBe(0);
  expect(named.stdout).toMatch(/^leaf +(99|100)\.\d % .*leaf\/3\.png\nsky +(99|100)\.\d % .*sky\/1\.png\n$/);
  const onnx = await fovea("predict", join(model, "onnx/model.onnx"), join(photos, "leaf"), "--json", ...common);
  const { predictions } = JSON.parse(onnx.stdout);
  expect(predictions).toHaveLength(9);
  for (const { guesses } of predictions) expect(guesses[0].name).toBe("leaf");
});

test("without its ONNX file the head is used on the backbone it names", async () => {
  const bare = join(root, "bare");
  cpSync(model, bare, { recursive: true });
  rmSync(join(bare, "onnx"), { recursive: true });
  const whole = await fovea("predict", model, photos, "--json", ...common);
  const found = await fovea("predict", bare, photos, "--json", ...common);
  expect(found.stderr).toMatch(/has no onnx.model\.onnx; using its head on pixels:4/);
  const probabilities = (text: string) =>
    JSON.parse(text).predictions.map(({ guesses }: { guesses: { probability: number }[] }) => guesses[0]!.probability);
  const [first, second] = [probabilities(whole.stdout), probabilities(found.stdout)];
  expect(first).toHaveLength(27);
  for (const [i, value] of first.entries()) expect(second[i]).toBeCloseTo(value, 4);
});

test("a network of ours as the backbone, one JSON document, what is odd about the images in it", async () => {
  const odd = join(root, "odd");
  cpSync(photos, odd, { recursive: true });
  for (const name of ["night", "broken"]) mkdirSync(join(odd, name));
  await sharp({ create: { width: 20, height: 20, channels: 3, background: "#fff" } }).toFile(join(odd, "night/0.png"));
  writeFileSync(join(odd, "broken/0.png"), "not an image");
  writeFileSync(join(odd, "apple/1.png"), "");
  cpSync(join(odd, "sky/2.png"), join(odd, "leaf/copy.png"));
  const output = join(root, "deep/odd");
  const { status, stdout, stderr } = await fovea(
    ...["fit", odd, "--backbone", network, "--output", output, "--methods", "prototypes,knn", "--json", ...common],
  );
  expect(stderr).toMatch(/2 images could not be read and were excluded:\n.*apple\/1\.png: .*\n.*broken\/0\.png: /);
  expect(status).toBe(0);
  const document = JSON.parse(stdout);
  expect(document).toMatchObject({
    output,
    classNames: ["apple", "leaf", "night", "sky"],
    images: { count: 28 },
    backbone: { kind: "network", width: 16 },
    expected: { images: 27, method: "nested cross-validation" },
    predict: `npx fovea predict ${output} photo.jpg`,
  });
  expect(document.candidates.map(({ name }: { name: string }) => name).sort()).toEqual([
    "knn",
    "knn",
    "knn",
    "knn",
    "prototypes",
  ]);
  expect(document.confusion.flat().reduce((a: number, b: number) => a + b)).toBe(27);
  const warnings = document.warnings.join("\n");
  expect(warnings).toMatch(/no image of broken could be read/);
  expect(warnings).toMatch(/only one image of night/);
  expect(warnings).toMatch(/1 image looks exactly like another .*sky\/2\.png like .*leaf\/copy\.png/);
  expect(warnings).toMatch(/1 of these with another class than its duplicate/);
  expect(readFileSync(join(output, "report.html"), "utf8")).toMatch(/<img src="data:image\/png/);
  const named = await fovea("predict", output, join(photos, "sky/1.png"), "--json", ...common);
  expect(JSON.parse(named.stdout)).toMatchObject({ bad: [], model: { method: { name: document.chosen.name } } });
});

describe("one clear message, and nothing written,", () => {
  const refused = async (words: string[], status: number, message: RegExp) => {
    const ran = await fovea("fit", ...words, ...common);
    expect(ran.stderr).toMatch(message);
    expect(ran.stderr).not.toMatch(/\n {4}at /);
    expect(ran).toMatchObject({ status, stdout: "" });
    return ran.stderr;
  };
  const none = () => join(root, "none");

  test("for a wrong path, an empty folder, images without classes, one class", async () => {
    await refused([join(root, "fotos"), "--output", none()], 1, /there is no ".*fotos".*did you mean "photos"/);
    const empty = join(root, "empty");
    mkdirSync(empty);
    await refused([empty, "--output", none()], 1, /there are no images in ".*empty": it has no files/);
    await refused(
      [join(photos, "sky"), "--output", none()],
      1,
      /are not in class folders \(0\.png\); expected class\/file.jpg/,
    );
    const single = await imageFolder(join(root, "single"), { apple: 3 });
    await refused([single, "--output", none()], 1, /has only one class \(apple\); a classifier needs at least two/);
    expect(existsSync(none())).toBe(false);
  });

  test("for images that cannot be told apart, all broken, or too few to measure", async () => {
    const broken = join(root, "all-broken");
    for (const name of ["a", "b"]) {
      mkdirSync(join(broken, name), { recursive: true });
      writeFileSync(join(broken, name, "0.jpg"), "not an image");
    }
    await refused(
      [broken, "--backbone", "pixels:4", "--output", none()],
      1,
      /no image of .* could be read; the first, .*0\.jpg/,
    );
    const lone = await imageFolder(join(root, "lone"), { a: 1, b: 1 });
    await refused([lone, "--backbone", "pixels:4", "--output", none()], 1, /give each class at least two images/);
    expect(existsSync(none())).toBe(false);
  });

  test("where something else is, or an earlier classifier without --overwrite", async () => {
    await refused([photos, "--backbone", "pixels:4", "--output", photos], 1, /holds files that are not a classifier's/);
    await refused(
      [photos, "--backbone", "pixels:4", "--output", model],
      1,
      /holds a classifier already; .*--overwrite/,
    );
    const file = join(root, "a-file");
    writeFileSync(file, "");
    const early = await refused(
      [photos, "--backbone", "pixels:4", "--output", join(file, "model")],
      1,
      /a-file is a file/,
    );
    // before any image is read
    expect(early).not.toMatch(/image \d+\/\d+/);
    const exported = await fovea("export", model, join(root, "again.onnx"));
    expect([exported.status, exported.stderr]).toEqual([
      1,
      expect.stringMatching(/is a classifier that fovea fit wrote/),
    ]);
    await refused([photos, "--methods", "rigde", "--output", none()], 2, /did you mean "ridge"/);
    writeFileSync(join(model, "notes.txt"), "mine");
    const replaced = await fovea(
      ...["fit", photos, "--backbone", "pixels:2", "--output", model, "--overwrite", "--methods", "ridge", ...common],
    );
    expect(replaced.status).toBe(0);
    expect(JSON.parse(readFileSync(join(model, "classifier.json"), "utf8")).backbone.spec).toBe("pixels:2");
    expect(readFileSync(join(model, "notes.txt"), "utf8")).toBe("mine");
  });

  test("when interrupted", async () => {
    const on = vi.spyOn(process, "on");
    const running = fovea("fit", photos, "--backbone", "pixels:4", "--output", none(), ...common);
    await vi.waitFor(() => expect(on.mock.calls.some(([event]) => event === "SIGINT")).toBe(true));
    const [, stop] = on.mock.calls.find(([event]) => event === "SIGINT")!;
    (stop as () => void)();
    on.mockRestore();
    const ran = await running;
    expect(ran.stderr).toMatch(/stopping; nothing is written; once more to stop at once/);
    expect(ran.stderr).toMatch(/fovea: stopped; nothing was written\n$/);
    expect(ran).toMatchObject({ status: 1, stdout: "" });
    expect(existsSync(none())).toBe(false);
  });
});
