/** A Camera looks at a point of the plane in which the ring is the unit circle; scale 1 shows all of it. */
export interface Camera {
  scale: number;
  x: number;
  y: number;
}

/** FIT is the camera that shows the whole ring. */
export const FIT: Camera = { scale: 1, x: 0, y: 0 };
