/** Describes the content of generated scenes: objects, their positions, and their distances from the camera. */

export const shapes = ["sphere", "box", "cylinder", "cone"] as const;
export type Shape = (typeof shapes)[number];

export const colours = ["grey", "red", "blue", "green", "brown", "purple", "cyan", "yellow"] as const;
export type Colour = (typeof colours)[number];

/** One object of a scene. Lengths are in scene units; the ground is the plane y = 0, and the camera looks roughly along -z. */
export interface SceneObject {
  readonly shape: Shape;
  readonly colour: Colour;
  readonly size: "small" | "large";
  readonly material: "matte" | "shiny";
  /** Radius of a sphere, cylinder or cone; half the side of a box. The height is always twice this. */
  readonly radius: number;
  /** Centre of the object. */
  readonly position: readonly [x: number, y: number, z: number];
  /** Rotation about the vertical axis, in radians. */
  readonly rotation: number;
  /** Distance from the camera to the centre. */
  readonly distance: number;
  /** Position of the centre in the image, in pixels from its top left corner. */
  readonly pixel: readonly [x: number, y: number];
}

/** A scene's objects, nearest first. */
export interface Scene {
  readonly objects: readonly SceneObject[];
}
