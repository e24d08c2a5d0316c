/** Texts that declarations share. */

/** The measure of most studies. */
export const fewShotMeasure = "10-shot accuracy, of frozen features (ridge), mean over the downstream datasets";

/** The rule of most studies. */
export const pairedRule = "the 95 % Student interval over seeds of the paired difference";
