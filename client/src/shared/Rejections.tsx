import { useShown } from "./ring";

/** Rejections lists the telemetry that was received and rejected, with the reasons. */
export function Rejections() {
  const { ring } = useShown();
  if (ring.rejections.length === 0) return null;
  return (
    <div className="rejections" data-testid="rejections">
      <p>Telemetry that was received and rejected, with the reasons:</p>
      <ul>
        {ring.rejections.map((line) => (
          <li key={line}>{line}</li>
        ))}
      </ul>
    </div>
  );
}
