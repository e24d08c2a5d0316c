/** Generated scenes: laid out from a seed, rendered to pixels, with the facts of what is in them. */
export { layOutScene, type SceneLayout, type SceneOptions } from "./layout.js";
export { generateScene, renderScene } from "./render.js";
export { type Colour, colours, type Scene, type SceneObject, type Shape, shapes } from "./types.js";
