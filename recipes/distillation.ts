/**
 * Distillation: a small network learns the function of a teacher, which takes the same crops and flips as input,
 * without labels. A small version of recipes/published/distillation-i1k.ts and distillation-flowers.ts (Beyer et al.,
 * arXiv:2106.05237; papers.md 7).
 *
 * Published: R50x1 taught by R152x2 on ImageNet-1k 82.8 % top-1 at 224 px. The longer the better: fast, medium and long
 * are 1,000, 3,000 and 30,000 epochs on Pets. Here 700 steps are the fast one; `--total.steps=2100` and 21,000 have the
 * same ratios.
 *
 * Results of this small version, on the first 20 classes of Tiny-ImageNet, of which 600 of 6,000 training images have
 * labels; 1,000 validation images; 700 steps of 64 images each, seed 0, one core (EPYC 7001 series, busy):
 *
 *   student.ts on the 600 labels                                                          26.4 %    11 minutes
 *   distillation.ts on the 6,000 images; teacher: MobileNetV1-0.75 (ImageNet) with a
 *     linear probe fitted on the same 600 labels                                          35.0 %    14 minutes
 *
 * Ten times as many labels give more than that teacher in the same number of steps: student.ts on 6,000 labels reaches
 * 39.3 %, a student of a probe on 6,000 labels (69.4 % expected of it) 35.9 %, one of the MobileNet's own logits for
 * the nearest ImageNet classes 31.3 %.
 *
 * The teacher is any trained network with the same classes in the same order: a run, published weights, an ONNX file,
 * or a classifier that was fitted on another network's features, as here:
 *
 *   labels="tiny-imagenet-64/?classNumbers=0-19&take=600&balanced=true"
 *   fovea fit "$labels" --backbone "mobilenet.onnx?range=-1,1" --image-size 128 --methods probe --folds 3 --output models/teacher
 *   fovea train recipes/distillation.ts --data.train.source="tiny-imagenet-64/?classNumbers=0-19" \
 *     --data.evaluation.source="tiny-imagenet-64/?classNumbers=0-19" --data.evaluation.split=validation
 *   fovea train recipes/student.ts --data.train.source="$labels" \
 *     --data.evaluation.source="tiny-imagenet-64/?classNumbers=0-19" --data.evaluation.split=validation
 */
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
