import { useCallback, useEffect, useRef, useState } from "react";

/** Rows is a window of a long list: the document contains only the rows in sight and a few around them. */
export interface Rows {
  ref: React.RefObject<HTMLDivElement | null>;
  first: number;
  last: number; // exclusive
  height: number; // of all rows, in pixels
  scrollTo: (row: number) => void;
}

/**
 * useHeld freezes a list while the pointer is over it, so that no row moves away under a click. It also returns the
 * event handlers for the list's element.
 */
export function useHeld<T>(list: T): [T, { onPointerEnter: () => void; onPointerLeave: () => void }] {
  const [held, hold] = useState<{ list: T } | null>(null);
  return [held ? held.list : list, { onPointerEnter: () => hold({ list }), onPointerLeave: () => hold(null) }];
}

const OVERSCAN = 6;

/**
 * useRows returns the window for the element's scroll position. With fromEnd the element is a reversed column, in which
 * browsers count scrolling from the end, so that a list stays at its newest row as it grows, without being scrolled.
 */
export function useRows(total: number, rowHeight: number, fromEnd = false): Rows {
  const ref = useRef<HTMLDivElement>(null);
  // Both in rows: how far the list is scrolled, from the top or the end, and how many rows are in sight.
  const [[offset, sight], setWindow] = useState<[number, number]>(() => [0, Math.ceil(innerHeight / 2 / rowHeight)]);

  useEffect(() => {
    const element = ref.current;
    if (!element) return;
    let height = 0;
    const measure = () => {
      const offset = Math.floor(Math.abs(element.scrollTop) / rowHeight);
      const sight = Math.ceil(height / rowHeight) + 1;
      setWindow((now) => (now[0] === offset && now[1] === sight ? now : [offset, sight]));
    };
    const sizes = new ResizeObserver(([entry]) => {
      height = entry.contentRect.height;
      measure();
    });
    sizes.observe(element);
    element.addEventListener("scroll", measure, { passive: true });
    return () => {
      sizes.disconnect();
      element.removeEventListener("scroll", measure);
    };
  }, [rowHeight]);

  const scrollTo = useCallback(
    (row: number) => {
      const element = ref.current;
      if (!element) return;
      const top = row * rowHeight;
      if (top < element.scrollTop) element.scrollTop = top;
      else if (top + rowHeight > element.scrollTop + element.clientHeight)
        element.scrollTop = top + rowHeight - element.clientHeight;
    },
    [rowHeight],
  );

  const first = fromEnd ? total - offset - sight : offset;
  return {
    ref,
    first: Math.max(0, Math.min(total, first - OVERSCAN)),
    last: Math.max(0, Math.min(total, first + sight + OVERSCAN)),
    height: total * rowHeight,
    scrollTo,
  };
}
