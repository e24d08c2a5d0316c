/** The facts of a generated scene: what stands where, how far from the camera. */

export const shapes = ["sphere", "box", "cylinder", "cone"] as const;
export type Shape = (typeof shapes)[number];

export const colours = ["grey", "red", "blue", "green", "brown", "purple", "cyan", "yellow"] as const;
export type Colour = (typeof colours)[number];

/** One object of a scene. Lengths are in scene units; the ground is the plane y = 0, the camera looks roughly along -z. */
export interface SceneObject {
  readonly shape: Shape;
  readonly colour: Colour;
  readonly size: "small" | "large";
  readonly material: "matte" | "shiny";
  /** Radius of a sphere, cylinder or cone; half the side of a box. All are twice as high as this. */
  readonly radius: number;
  /** The object's centre. */
  readonly position: readonly [x: number, y: number, z: number];
  /** Turn about the vertical axis, in radians. */
  readonly rotation: number;
  /** From the camera to the centre. */
  readonly distance: number;
  /** The centre in the picture, in pixels from its top left corner. */
  readonly pixel: readonly [x: number, y: number];
}

/** A scene's objects, nearest first. */
export interface Scene {
  readonly objects: readonly SceneObject[];
}
