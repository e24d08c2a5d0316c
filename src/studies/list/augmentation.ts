/** Study 14: does augmentation help more where data are few? */
import { fewShotMeasure } from "../framework/texts.js";
import { commonRecipe, cropOf, upstreamData } from "../framework/training-job.js";
import { variantStudy } from "../framework/variants.js";

const kinds: Readonly<Record<string, string>> = {
  none: "decode|resize_small(SIDE)|central_crop(SIDE)|value_range(-1,1)",
  "crop and flip": "decode|CROP|flip_lr|value_range(-1,1)",
  "light1 (RandAugment, mixup)": "decode|CROP|flip_lr|augreg(light1)|value_range(-1,1)",
  "strong2 (RandAugment, mixup)": "decode|CROP|flip_lr|augreg(strong2)|value_range(-1,1)",
};

/** Mixup of the AugReg settings (papers.md 5.8). */
const mixup: Readonly<Record<string, number>> = {
  "light1 (RandAugment, mixup)": 0,
  "strong2 (RandAugment, mixup)": 0.8,
};

export const augmentation = variantStudy({
  number: 14,
  name: "augmentation",
  title: "Augmentation against data size",
  question: "Is augmentation worth more when upstream images are few?",
  claim: {
    text: "Augmentation and regularisation stand in for data: they help a ViT on little data, and hurt on much data at short training.",
    source: "papers.md 5.8 (Steiner et al., 2022)",
  },
  prediction: "(light1 - crop and flip) on the smallest subset minus the same on all images is at least 1 point",
  smallestEffect: 0.01,
  measure: fewShotMeasure,
  varies: "augmentation, number of upstream images",
  fixed: "model (medium ViT), training images seen, recipe",
  rule: "the 95 % interval over seeds of the difference of differences",
  variants: (context, seed) =>
    Object.entries(kinds).flatMap(([series, pipeline]) =>
      context.scale.subsets.map((images) => {
        const { evaluation, ...data } = upstreamData(context, images, seed);
        const train = { ...(data.train as { source: string }), split: "train" };
        const preprocessing = pipeline
          .replaceAll("SIDE", String(context.scale.imageSize))
          .replace("CROP", cropOf(context.scale));
        const alpha = mixup[series] ?? 0;
        return {
          series,
          x: images,
          images,
          recipe: {
            ...commonRecipe,
            model: context.scale.models.ViT.medium,
            ...(alpha > 0 && { mixup: { alpha } }),
            data: { ...data, train: { ...train, preprocessing }, ...(evaluation && { evaluation }) },
          },
        };
      }),
    ),
  compares: { more: "light1 (RandAugment, mixup)", less: "crop and flip", at: "decline" },
  xLabel: "upstream images",
  xScale: "log",
});
