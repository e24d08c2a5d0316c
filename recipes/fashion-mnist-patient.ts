// The recipe of fashion-mnist.ts with patience: three times as long, with random crops beside the flips.
//
// Not yet run to its end: expected to take 80 minutes on the two cores on which the short recipe takes 25.
import { defineRecipe } from "fovea/train";
import short from "./fashion-mnist.js";

export default defineRecipe({
  ...short,
  data: {
    ...short.data,
    train: { ...short.data.train, preprocessing: "decode|grey|resize(30)|random_crop(28)|flip_lr|value_range(-1,1)" },
  },
  total: { epochs: 15 },
});
