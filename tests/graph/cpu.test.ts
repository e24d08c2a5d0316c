/** Every operation on the CPU, forward and backward, against the float64 references. */

import { conformance } from "../support/conformance.js";
import { testDevice } from "../support/devices.js";
import { families, halfFamily } from "./cases/index.js";

for (const [family, cases] of Object.entries(families)) conformance(family, cases, testDevice("cpu"));
conformance("float16", halfFamily, testDevice("cpu"));
