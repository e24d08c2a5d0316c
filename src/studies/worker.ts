/** A further process of a study: `worker.js NAME OPTIONS` runs open jobs until none is left, or until its parent ends. */
import { studyNamed } from "./list/index.js";
import type { ProcessOptions } from "./processes.js";
import { runStudyJobs } from "./run.js";

const [name = "", options = "{}"] = process.argv.slice(2);
process.on("disconnect", () => process.exit(1));
await runStudyJobs(studyNamed(name), JSON.parse(options) as ProcessOptions);
process.disconnect();
