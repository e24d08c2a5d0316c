/** What `fovea/train` exports in a browser: training from code. Recipes, checkpoints and metrics are files, and need Node. */
export type { TrainStep, TrainStepOptions } from "../train-step.js";
export { trainStep } from "./step.js";
