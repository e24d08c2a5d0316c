/** Runs a study in a process of its own, for the test that kills it: `study-process.mjs NAME OPTIONS`, the options of `runStudy` as JSON. */
import { runStudy, studyNamed } from "../../dist/studies/index.js";

const [name, options] = process.argv.slice(2);
await runStudy(studyNamed(name), JSON.parse(options));
