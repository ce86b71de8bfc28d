import { useCallback, useEffect, useRef, useState } from "react";

/** A window over a long list: only the rows in sight, and a few around them, are in the document. */
export interface Rows {
  ref: React.RefObject<HTMLDivElement | null>;
  first: number;
  last: number; // exclusive
  height: number; // of all rows
  scrollTo: (row: number) => void;
}

/**
 * useHeld keeps a list as it is while the pointer rests on it, so that nothing runs away from under a click. The events
 * to hand to the list's element come with it.
 */
export function useHeld<T>(list: T): [T, { onPointerEnter: () => void; onPointerLeave: () => void }] {
  const [held, hold] = useState<{ list: T } | null>(null);
  return [held ? held.list : list, { onPointerEnter: () => hold({ list }), onPointerLeave: () => hold(null) }];
}

const OVERSCAN = 6;

/**
 * useRows keeps the window. With fromEnd the element is a reversed column, in which a browser counts scrolling from the
 * end: a list that is followed then grows without anybody having to measure it and scroll.
 */
export function useRows(total: number, rowHeight: number, fromEnd = false): Rows {
  const ref = useRef<HTMLDivElement>(null);
  // In rows: how far the list is scrolled, from the top or the end, and how many are in sight.
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
