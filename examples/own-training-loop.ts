/** A training loop of one's own: a loss, the parameters of a scope and an optimiser make a step. Points inside a circle are told from those outside. */
import { gelu, input, reduceMean } from "fovea/graph";
import { dense, losses, Scope, targetsOf } from "fovea/nn";
import { trainStep } from "fovea/train";

const scope = Scope.root();
const [points, labels] = [input("points", "float32", [128, 2]), input("labels", "int32", [128])];
const logits = dense(scope.at("output"), gelu(dense(scope.at("hidden"), points, 32)), 2);
const loss = reduceMean(losses.softmax(logits, targetsOf(labels, 2)));

await using training = await trainStep(loss, scope, { name: "adam", learningRate: 0.05 });
for (let step = 0; step < 20; step++) {
  const batch = Float32Array.from({ length: 2 * 128 }, () => 2 * Math.random() - 1);
  const inside = Int32Array.from({ length: 128 }, (_, i) =>
    Math.hypot(...batch.slice(2 * i, 2 * i + 2)) < 0.8 ? 1 : 0,
  );
  console.log(step, (await training.step({ points: batch, labels: inside })).toFixed(3));
}
