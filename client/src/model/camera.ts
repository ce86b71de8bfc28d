/** A Camera looks at the point (x, y) of a plane in which the ring is the unit circle. Scale 1 shows the whole ring. */
export interface Camera {
  scale: number;
  x: number;
  y: number;
}

/** FIT is the camera that shows the whole ring. */
export const FIT: Camera = { scale: 1, x: 0, y: 0 };
