/** Icons in one style: 16 units wide, one stroke. They are decoration only; a button's label names its function. */
const PATHS = {
  plus: "M8 3v10M3 8h10",
  minus: "M3 8h10",
  ring: "M8 2.5a5.5 5.5 0 1 0 0 11a5.5 5.5 0 1 0 0-11",
  close: "M4 4l8 8M12 4l-8 8",
  pause: "M5.5 3.5v9M10.5 3.5v9",
  play: "M5 3.5l7.5 4.5L5 12.5z",
  sun: "M8 5a3 3 0 1 0 0 6a3 3 0 1 0 0-6M8 1v1.5M8 13.5V15M1 8h1.5M13.5 8H15M3 3l1 1M12 12l1 1M3 13l1-1M12 4l1-1",
  moon: "M13 9.5A5.5 5.5 0 1 1 6.5 3A4.5 4.5 0 0 0 13 9.5z",
  system: "M2.5 3.5h11v7h-11zM6 13.5h4M8 10.5v3",
  keys: "M2 4.5h12v7H2zM4.5 7h0M7 7h0M9.5 7h0M12 7h0M5 9.5h6",
  link: "M9 3h4v4M13 3L7.5 8.5M11 9.5V13H3V5h3.5",
  check: "M3 8.5l3.5 3.5L13 4.5",
  wrench: "M8 2.5L13.5 8L8 13.5L2.5 8z",
  alert: "M8 2.5L14 13H2zM8 6.5v3M8 11.4v.2",
  dots: "M3 8h.5M8 8h.5M13 8h.5",
  question: "M5.5 6a2.5 2.5 0 1 1 3.6 2.2c-.8.4-1.1.8-1.1 1.6M8 12.4v.2",
  back: "M10 3.5L5.5 8L10 12.5",
  forward: "M6 3.5L10.5 8L6 12.5",
  target: "M8 4.5a3.5 3.5 0 1 0 0 7a3.5 3.5 0 1 0 0-7M8 1.5v3M8 11.5v3M1.5 8h3M11.5 8h3",
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name, size = 16 }: { name: IconName; size?: number }) {
  return (
    <svg
      aria-hidden="true"
      width={size}
      height={size}
      viewBox="0 0 16 16"
      fill="none"
      stroke="currentColor"
      strokeWidth="1.5"
      strokeLinecap="round"
      strokeLinejoin="round"
    >
      <path d={PATHS[name]} />
    </svg>
  );
}
