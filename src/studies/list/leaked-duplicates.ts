/** Study 17: how much do near-duplicates of test images in the training data inflate a score? */
import { pairedRule } from "../framework/texts.js";
import { commonRecipe, heldImages, preprocessingOf, upstreamData, withOptions } from "../framework/training-job.js";
import { variantStudy } from "../framework/variants.js";

/** Fractions of the test images that are planted among the training images. */
const leaked = [0, 0.25, 1];

export const leakedDuplicates = variantStudy({
  number: 17,
  name: "leaked-duplicates",
  title: "Leaked near-duplicates inflate a score",
  question:
    "By how much does test accuracy rise when test images are among the training images, cropped and flipped anew?",
  claim: {
    text: "Near-duplicates between training and test data inflate the measured accuracy (BiT removed them; the published inflation is small).",
    source: "papers.md 10.7 (Kolesnikov et al., 2020, table 7)",
  },
  prediction: "accuracy with all test images planted - accuracy with none is at least 2 points",
  smallestEffect: 0.02,
  measure: "accuracy on the held-out images, of the network's own head",
  varies: "fraction of the test images that is planted",
  fixed: "model (medium BiT ResNet), other upstream images (the smallest subset), training images seen, recipe",
  rule: pairedRule,
  value: "upstream",
  variants: (context, seed) => {
    const { scale, data } = context;
    const { split } = heldImages(context);
    const [images = 0] = scale.subsets;
    const own = upstreamData(context, images, seed);
    const preprocessing = preprocessingOf(scale).train;
    return leaked.map((fraction) => {
      const planted = withOptions(data.upstream, `take=${Math.round(fraction * scale.heldImages)}&balanced=true`);
      const parts = [own.train as { source: string; preprocessing: string }, { source: planted, split, preprocessing }];
      return {
        series: `${Math.round(100 * fraction)} % planted`,
        images,
        recipe: {
          ...commonRecipe,
          model: scale.models.ResNet.medium,
          data: { ...own, ...(fraction > 0 && { train: parts }) },
        },
      };
    });
  },
  compares: { more: "100 % planted", less: "0 % planted" },
});
