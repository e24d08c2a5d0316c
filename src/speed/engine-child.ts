/** The process of one engine measurement: options as JSON in the first argument, the result as JSON on stdout. */
import { type EngineMeasureOptions, measureEngine } from "./engine-measure.js";

const options = JSON.parse(process.argv[2]!) as EngineMeasureOptions;
process.stdout.write(JSON.stringify(await measureEngine(options)));
