/** What `fovea/analysis` exports: networks opened for analysis, and analyses as functions; `analyse` of `fovea` writes the report of all. */
export { linearCka } from "./framework/cka.js";
export { principalComponents, project } from "./framework/principal-components.js";
export { openSubject, type Subject } from "./framework/subject.js";
export { headDistance } from "./list/attention-distance.js";
export { attentionRollout } from "./list/attention-rollout.js";
