/** Generated scenes: the same to the byte everywhere, with the objects and distances that they state. */
import { createHash } from "node:crypto";
import fc from "fast-check";
import { expect, test } from "vitest";
import { openSource } from "../../src/data/index.js";
import { type Hit, intersect } from "../../src/images/generated/scene/intersect.js";
import { pictureBox, project, type Vector } from "../../src/images/generated/scene/layout.js";
import { colours, generateScene, layOutScene, renderScene, type SceneObject, shapes } from "../../src/images/index.js";

const options = { height: 64, width: 64, minCount: 1, maxCount: 9 };

test("a picture is the same to the byte wherever and whenever it is made", () => {
  const hash = createHash("sha256");
  for (let i = 0; i < 12; i++) hash.update(generateScene(5, i, options).image.data);
  expect(hash.digest("hex").slice(0, 16)).toBe("41dd35e975eb2b97");
  expect(generateScene(5, 3, options)).toEqual(generateScene(5, 3, options));
  expect(generateScene(6, 3, options).image.data).not.toEqual(generateScene(5, 3, options).image.data);
});

test("scenes hold as many objects as asked for, every number equally often", () => {
  const counts = new Map<number, number>();
  for (let i = 0; i < 1800; i++) {
    const { objects } = layOutScene(1, i, options).scene;
    counts.set(objects.length, (counts.get(objects.length) ?? 0) + 1);
  }
  expect([...counts.keys()].sort()).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
  // 200 expected, standard deviation 13.
  for (const count of counts.values()) expect(Math.abs(count - 200)).toBeLessThan(67);
  expect(layOutScene(1, 0, { ...options, minCount: 12, maxCount: 12 }).scene.objects.length).toBe(12);
  for (const [minCount, maxCount] of [
    [0, 3],
    [4, 3],
    [1, 13],
    [1.5, 3],
  ] as const) {
    expect(() => layOutScene(1, 0, { ...options, minCount, maxCount })).toThrow(/expected 1 to 12/);
  }
});

test("objects stand on the ground, apart, inside the picture, nearest first, with their true distance", () => {
  fc.assert(
    fc.property(fc.nat(), fc.nat(), (seed, index) => {
      const { scene, camera } = layOutScene(seed, index, options);
      for (const [i, object] of scene.objects.entries()) {
        const [x, y, z] = object.position;
        expect(y).toBe(object.radius);
        expect(object.distance).toBeCloseTo(
          Math.hypot(x - camera.position[0], y - camera.position[1], z - camera.position[2]),
          10,
        );
        expect(object.distance).toBeGreaterThanOrEqual(scene.objects[i - 1]?.distance ?? 0);
        const box = pictureBox(camera, object);
        expect(Math.max(-box.left, box.right, -box.bottom, box.top)).toBeLessThan(1);
        for (const other of scene.objects.slice(0, i)) {
          const apart = Math.hypot(x - other.position[0], z - other.position[2]);
          expect(apart).toBeGreaterThan(object.radius + other.radius + 0.19);
        }
      }
    }),
    { numRuns: 60 },
  );
});

/** For each object, the share of the rays that would meet it alone which meet it first among all. */
function visibleShares(seed: number, index: number): number[] {
  const { scene, camera } = layOutScene(seed, index, options);
  const alone = new Array<number>(scene.objects.length).fill(0);
  const first = new Array<number>(scene.objects.length).fill(0);
  const hit: Hit = { distance: 0, nx: 0, ny: 0, nz: 0 };
  for (let y = 0; y < 96; y++) {
    for (let x = 0; x < 96; x++) {
      const [u, v] = [(x + 0.5) / 48 - 1, 1 - (y + 0.5) / 48];
      const d = [0, 1, 2].map((k) => camera.forward[k]! * camera.focal + camera.right[k]! * u + camera.up[k]! * v);
      const n = Math.hypot(...d);
      let nearest = -1;
      let distance = Number.POSITIVE_INFINITY;
      for (const [i, object] of scene.objects.entries()) {
        if (!intersect(object, ...camera.position, d[0]! / n, d[1]! / n, d[2]! / n, hit)) continue;
        alone[i]!++;
        if (hit.distance < distance) [nearest, distance] = [i, hit.distance];
      }
      if (nearest >= 0) first[nearest]!++;
    }
  }
  return first.map((count, i) => count / alone[i]!);
}

test("no object is hidden: every one shows most of itself", () => {
  const shares = Array.from({ length: 60 }, (_, i) => visibleShares(2, i)).flat();
  expect(shares.length).toBeGreaterThan(200);
  expect(Math.min(...shares)).toBeGreaterThan(0.6);
});

test("an object's pixel shows its colour", () => {
  const dominant: Record<string, (rgb: readonly number[]) => boolean> = {
    red: ([r, g, b]) => r! > 1.5 * g! && r! > 1.5 * b!,
    green: ([r, g, b]) => g! > 1.2 * r! && g! > 1.2 * b!,
    blue: ([r, g, b]) => b! > 1.3 * r! && b! > 1.2 * g!,
  };
  let checked = 0;
  for (let i = 0; i < 60; i++) {
    const { image, scene } = generateScene(8, i, {
      ...options,
      minCount: 1,
      maxCount: 1,
      colours: ["red", "green", "blue"],
    });
    const object = scene.objects[0]!;
    const [x, y] = object.pixel.map(Math.floor) as [number, number];
    const rgb = [...image.data.subarray((y * 64 + x) * 3, (y * 64 + x) * 3 + 3)];
    // The bright spot of a shiny surface is the lamp's colour.
    if (Math.min(...rgb) > 150) continue;
    expect(dominant[object.colour]!(rgb), `${object.colour} ${rgb}`).toBe(true);
    checked++;
  }
  expect(checked).toBeGreaterThan(40);
});

test("a scene shows the same objects at every size and shape of picture", () => {
  const small = layOutScene(4, 7, options);
  const large = layOutScene(4, 7, { ...options, height: 128, width: 128 });
  expect(large.scene.objects.map(({ pixel, ...rest }) => rest)).toEqual(
    small.scene.objects.map(({ pixel, ...rest }) => rest),
  );
  const wide = generateScene(4, 7, { ...options, height: 20, width: 40 });
  expect([wide.image.height, wide.image.width, wide.image.data.length]).toEqual([20, 40, 2400]);
  // Averaging the large picture gives the small one, up to how finely edges are sampled.
  const [a, b] = [renderScene(small, 64, 64).data, renderScene(large, 128, 128).data];
  let difference = 0;
  for (let y = 0; y < 64; y++) {
    for (let x = 0; x < 64; x++) {
      const mean =
        [0, 1].flatMap((i) => [0, 1].map((j) => b[((2 * y + i) * 128 + 2 * x + j) * 3]!)).reduce((p, q) => p + q, 0) /
        4;
      difference += Math.abs(mean - a[(y * 64 + x) * 3]!) / 4096;
    }
  }
  expect(difference).toBeLessThan(2);
});

test("an object throws a shadow on the side away from the lamp", () => {
  const layout = layOutScene(9, 1, { ...options, minCount: 1, maxCount: 1 });
  const sphere: SceneObject = {
    ...layout.scene.objects[0]!,
    shape: "sphere",
    radius: 0.6,
    position: [0, 0.6, 0],
    rotation: 0,
  };
  const n = Math.hypot(0.7, 1, 0.2);
  const light: Vector = [0.7 / n, 1 / n, 0.2 / n];
  const image = renderScene({ ...layout, light, scene: { objects: [sphere] } }, 96, 96);
  const level = (point: Vector) => {
    const [px, py] = project(layout.camera, point);
    const [x, y] = [Math.floor(48 + px * 48), Math.floor(48 - py * 48)];
    return image.data[(y * 96 + x) * 3 + 1]!;
  };
  // The middle of the shadow lies 0.6 * 0.7 to the left of the sphere's, and the sphere itself reaches 0.6.
  expect(level([-0.85, 0, -0.1])).toBeLessThan(0.75 * level([0.85, 0, -0.1]));
});

const shapeObject = (shape: SceneObject["shape"]): SceneObject => ({
  shape,
  colour: "red",
  size: "large",
  material: "matte",
  radius: 1,
  position: [0.5, 1, -0.25],
  rotation: 0.6,
  distance: 0,
  pixel: [0, 0],
});

test.each(shapes)("rays meet a %s where points begin to be inside it, and its normal points back", (shape) => {
  const object = shapeObject(shape);
  const inside = (x: number, y: number, z: number): boolean => {
    const [dx, dz] = [x - 0.5, z + 0.25];
    if (shape === "sphere") return dx * dx + (y - 1) ** 2 + dz * dz < 1;
    if (y < 0 || y > 2) return false;
    if (shape === "cylinder") return dx * dx + dz * dz < 1;
    if (shape === "cone") return dx * dx + dz * dz < (1 - y / 2) ** 2;
    const [u, v] = [dx * Math.cos(0.6) - dz * Math.sin(0.6), dx * Math.sin(0.6) + dz * Math.cos(0.6)];
    return Math.abs(u) < 1 && Math.abs(v) < 1;
  };
  const hit: Hit = { distance: 0, nx: 0, ny: 0, nz: 0 };
  let met = 0;
  fc.assert(
    fc.property(
      fc.tuple(
        fc.double({ min: -6, max: 6, noNaN: true }),
        fc.double({ min: 2.5, max: 7, noNaN: true }),
        fc.double({ min: 3, max: 8, noNaN: true }),
      ),
      fc.tuple(
        fc.double({ min: -1, max: 2, noNaN: true }),
        fc.double({ min: 0, max: 2, noNaN: true }),
        fc.double({ min: -1.5, max: 1, noNaN: true }),
      ),
      (origin, target) => {
        const d = target.map((t, k) => t - origin[k]!);
        const n = Math.hypot(...d);
        const [dx, dy, dz] = d.map((x) => x / n) as [number, number, number];
        // Marching along the ray in small steps is slow and certain.
        let entry: number | undefined;
        for (let t = 0; t < 16 && entry === undefined; t += 0.004) {
          const p: Vector = [origin[0] + dx * t, origin[1] + dy * t, origin[2] + dz * t];
          if (p[1] < 0) break;
          if (inside(...p)) entry = t;
        }
        const found = intersect(object, ...origin, dx, dy, dz, hit);
        if (entry === undefined) return;
        met++;
        expect(found).toBe(true);
        expect(hit.distance).toBeLessThanOrEqual(entry + 1e-9);
        expect(hit.distance).toBeGreaterThan(entry - 0.0041);
        expect(Math.hypot(hit.nx, hit.ny, hit.nz)).toBeCloseTo(1, 9);
        expect(hit.nx * dx + hit.ny * dy + hit.nz * dz).toBeLessThan(1e-9);
      },
    ),
  );
  expect(met).toBeGreaterThan(20);
});

test("generated sources ask what they are asked to", async () => {
  const labelled = async (label: string) => {
    const source = await openSource(`generated:shapes?label=${label}&length=40&size=8&seed=2`);
    const examples = await Promise.all(Array.from({ length: 40 }, (_, i) => source.get(i)));
    expect(examples.map((example) => example.label)).toEqual([...source.labels]);
    return { source, examples };
  };
  const count = await labelled("count");
  expect(count.source.classNames).toEqual(["1", "2", "3", "4", "5", "6", "7", "8", "9"]);
  for (const { label, scene } of count.examples)
    expect(count.source.classNames[label]).toBe(String(scene!.objects.length));
  const shape = await labelled("shape");
  for (const { label, scene } of shape.examples) expect(shapes[label]).toBe(scene!.objects[0]!.shape);
  const colour = await labelled("color");
  for (const { label, scene } of colour.examples) expect(colours[label]).toBe(scene!.objects[0]!.colour);
  for (const property of ["size", "material"] as const) {
    const { source, examples } = await labelled(property);
    for (const { label, scene } of examples) expect(source.classNames[label]).toBe(scene!.objects[0]![property]);
  }
  const place = await labelled("place");
  const [far, near] = ["far left", "near right"].map((name) => place.source.classNames.indexOf(name));
  for (const { label, scene } of place.examples) {
    const [x, , z] = scene!.objects[0]!.position;
    // The ground is 4.7 wide; its middle third ends at 0.783.
    expect(label === far).toBe(x < -2.35 / 3 && z < -2.35 / 3);
    expect(label === near).toBe(x >= 2.35 / 3 && z >= 2.35 / 3);
  }
  const rotation = await labelled("rotation");
  for (const { label, scene } of rotation.examples) {
    const { shape, rotation: turn } = scene!.objects[0]!;
    expect(shape).toBe("box");
    expect(rotation.source.classNames[label]).toBe(
      `${15 * Math.floor((turn * 12) / Math.PI)} to ${15 * Math.floor((turn * 12) / Math.PI) + 15} degrees`,
    );
  }
  const distance = await labelled("distance");
  const nearness = distance.examples
    .map(({ label, scene }) => [scene!.objects[0]!.distance, label] as const)
    .sort((a, b) => a[0] - b[0]);
  expect(nearness.map(([, label]) => label)).toEqual(nearness.map(([, label]) => label).sort());
});

test("distance classes are about equally common", async () => {
  const { labels } = await openSource("generated:shapes?label=distance&length=3000&seed=5");
  for (let label = 0; label < 6; label++) {
    const share = labels.filter((x) => x === label).length / 3000;
    expect(share).toBeGreaterThan(0.1);
    expect(share).toBeLessThan(0.25);
  }
});

test("splits and seeds show different pictures", async () => {
  const first = async (spec: string, split: string): Promise<string> => {
    const { image } = await (await openSource(spec, { split })).get(0);
    return createHash("sha256")
      .update(image.kind === "raw" ? image.data : image.bytes)
      .digest("hex");
  };
  const spec = "generated:shapes?size=16&length=3";
  const hashes = await Promise.all([
    first(spec, "train"),
    first(spec, "test"),
    first(spec, "validation"),
    first(`${spec}&seed=1`, "train"),
  ]);
  expect(new Set(hashes).size).toBe(4);
});
