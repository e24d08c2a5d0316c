// Distillation: a small network learns the function of a teacher, who sees the same crops and turns; no labels. The small
// sibling of recipes/published/distillation-i1k.ts and distillation-flowers.ts (Beyer et al., arXiv:2106.05237; papers.md 7).
//
// Published: R50x1 taught by R152x2 on ImageNet-1k 82.8 % top-1 at 224 px. The longer the better: fast, medium and long are
// 1,000, 3,000 and 30,000 epochs on Pets. Here 700 steps are the fast one; `--total.steps=2100` and 21,000 have the same ratios.
//
// Figures of this small sibling: not yet run.
//
// The teacher is any trained network with the same classes in the same order: a run, published weights, an ONNX file, or a
// classifier that was fitted on an ImageNet network's features:
//
//   fovea fit embedded:clothing --backbone mobilenet.onnx --image-size 128 --methods probe --output models/teacher
//   fovea train recipes/distillation.ts
import { defineRecipe } from "fovea/train";
import student from "./student.js";

export default defineRecipe({
  ...student,
  name: "distillation",
  objective: {
    name: "distillation",
    temperature: 2,
    teachers: [{ network: "models/teacher/onnx/model.onnx", imageSize: 128 }],
  },
});
