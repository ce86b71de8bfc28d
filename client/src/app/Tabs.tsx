import { useRef } from "react";

export interface TabItem<K extends string> {
  key: K;
  name: string;
  view: () => React.ReactNode;
}

interface Props<K extends string> {
  label: string;
  items: TabItem<K>[];
  chosen: K;
  onChoose: (key: K) => void;
}

/**
 * Tabs follows the ARIA pattern for tabs: the list is one stop in the tab order, arrow keys choose the next or previous
 * tab, Home and End the first or last one. Only the chosen panel exists.
 */
export function Tabs<K extends string>({ label, items, chosen, onChoose }: Props<K>) {
  const list = useRef<HTMLDivElement>(null);
  const at = Math.max(
    0,
    items.findIndex((item) => item.key === chosen),
  );
  const go = (to: number) => {
    onChoose(items[to].key);
    (list.current?.children[to] as HTMLElement | undefined)?.focus();
  };
  const key = (e: React.KeyboardEvent) => {
    const steps: Record<string, number> = {
      ArrowRight: (at + 1) % items.length,
      ArrowLeft: (at + items.length - 1) % items.length,
      Home: 0,
      End: items.length - 1,
    };
    if (!(e.key in steps) || e.shiftKey) return;
    e.preventDefault();
    go(steps[e.key]);
  };
  const item = items[at];
  return (
    <div className="tabs">
      <div ref={list} className="tab-list" role="tablist" aria-label={label} onKeyDown={key}>
        {items.map((it, i) => (
          <button
            key={it.key}
            type="button"
            role="tab"
            id={`tab-${it.key}`}
            aria-selected={i === at}
            aria-controls={i === at ? `panel-${it.key}` : undefined}
            tabIndex={i === at ? 0 : -1}
            onClick={() => onChoose(it.key)}
          >
            {it.name}
          </button>
        ))}
      </div>
      <div className="tab-panel" role="tabpanel" id={`panel-${item.key}`} aria-labelledby={`tab-${item.key}`}>
        {item.view()}
      </div>
    </div>
  );
}
