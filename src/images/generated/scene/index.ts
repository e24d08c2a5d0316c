/** Generated scenes: laid out from a seed and rendered to pixels, with a description of their content. */
export { type Camera, layOutScene, reach, type SceneLayout, type SceneOptions, type Vector } from "./layout.js";
export { generateScene, renderScene, splitSeed } from "./render.js";
export { type Colour, colours, type Scene, type SceneObject, type Shape, shapes } from "./types.js";
