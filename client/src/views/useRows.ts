import { useCallback, useEffect, useRef, useState } from "react";

/** A window over a long list: only the rows in sight, and a few around them, are in the document. */
export interface Rows {
  ref: React.RefObject<HTMLDivElement | null>;
  first: number;
  last: number; // exclusive
  height: number; // of all rows
  scrollTo: (row: number) => void;
  atEnd: () => boolean;
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

export function useRows(total: number, rowHeight: number): Rows {
  const ref = useRef<HTMLDivElement>(null);
  const [range, setRange] = useState<[number, number]>([0, 40]);

  useEffect(() => {
    const element = ref.current;
    if (!element) return;
    const measure = () => {
      const first = Math.max(0, Math.floor(element.scrollTop / rowHeight) - OVERSCAN);
      const last = Math.ceil((element.scrollTop + element.clientHeight) / rowHeight) + OVERSCAN;
      setRange((now) => (now[0] === first && now[1] === last ? now : [first, last]));
    };
    measure();
    const sizes = new ResizeObserver(measure);
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
  const atEnd = useCallback(() => {
    const element = ref.current;
    return !element || element.scrollTop + element.clientHeight > element.scrollHeight - rowHeight;
  }, [rowHeight]);

  return {
    ref,
    first: Math.min(range[0], total),
    last: Math.min(range[1], total),
    height: total * rowHeight,
    scrollTo,
    atEnd,
  };
}
