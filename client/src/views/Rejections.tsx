import { useShown } from "../store/ring";

/** Rejections says, while there is no member to show, what is received nevertheless, and why it is not in the picture. */
export function Rejections() {
  const { ring } = useShown();
  if (ring.rejections.length === 0) return null;
  return (
    <div className="rejections" data-testid="rejections">
      <p>Telemetry is received that is not part of the picture:</p>
      <ul>
        {ring.rejections.map((line) => (
          <li key={line}>{line}</li>
        ))}
      </ul>
    </div>
  );
}
