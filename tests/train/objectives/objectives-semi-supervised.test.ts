/** Objectives that learn from labelled and unlabelled images: the tests of the table. */
import { describeObjectives } from "../../support/objective-suite.js";
import { semiSupervisedCases } from "../../support/semi-supervised-cases.js";

describeObjectives(semiSupervisedCases);
