/** Study 15: is a teacher best when it sees what the student sees, for a long time? */
import { gridJob } from "../framework/grid.js";
import type { StudyContext } from "../framework/study.js";
import { pairedRule } from "../framework/texts.js";
import { commonRecipe, cropOf, jobReference, preprocessingOf, upstreamData } from "../framework/training-job.js";
import { type Variant, variantStudy } from "../framework/variants.js";

/** What the teacher sees, and mixup of the student's images (papers.md 7). */
const kinds = {
  fixed: { views: "fixed", mixup: false },
  independent: { views: "independent", mixup: false },
  consistent: { views: "consistent", mixup: false },
  "function matching": { views: "consistent", mixup: true },
} as const;

/** Training images of the student: the smallest subset, so that a long run repeats them often. */
function variants(context: StudyContext, seed: number): Variant[] {
  const { scale } = context;
  const [images = 0] = scale.subsets;
  const most = scale.subsets.at(-1) ?? images;
  const teacher = gridJob(context, { family: "ResNet", size: "large", images: most, seed });
  const own = upstreamData(context, images, seed);
  const train = own.train as { source: string; split: string; preprocessing: string };
  const twoViews = `decode|views(2,"${cropOf(scale)}|flip_lr")|value_range(-1,1)`;
  return Object.entries(kinds).flatMap(([series, { views, mixup }]) =>
    [0.25, 1].map((factor) => {
      const preprocessing = views === "consistent" ? preprocessingOf(scale).train : twoViews;
      return {
        series,
        x: factor * scale.examples,
        images,
        examples: factor * scale.examples,
        teachers: [teacher],
        recipe: {
          ...commonRecipe,
          model: scale.models.ResNet.small,
          data: { ...own, train: { ...train, preprocessing } },
          objective: {
            name: "distillation" as const,
            teachers: [{ network: jobReference(teacher) }],
            temperature: 2,
            views,
          },
          ...(mixup && { mixup: { alpha: 1 } }),
        },
      };
    }),
  );
}

export const distillation = variantStudy({
  number: 15,
  name: "distillation",
  title: "A good teacher is consistent, and the student trains long",
  question: "Must teacher and student see the same image, and does long training pay?",
  claim: {
    text: "Function matching (the same crops for teacher and student, with mixup) is best in long training; with precomputed outputs of the teacher the student overfits.",
    source: "papers.md 7 (Beyer et al., 2022)",
  },
  prediction: "accuracy of function matching - accuracy of the fixed teacher after long training is at least 1 point",
  smallestEffect: 0.01,
  measure: "accuracy on held-out upstream images, of the student",
  varies: "what the teacher sees, mixup; length of training (x axis)",
  fixed:
    "teacher (large BiT ResNet of the grid, all images), student (small BiT ResNet), the smallest subset, temperature 2",
  rule: `${pairedRule} after long training`,
  value: "upstream",
  variants,
  compares: { more: "function matching", less: "fixed", at: "largest" },
  xLabel: "training images seen",
  xScale: "log",
});
