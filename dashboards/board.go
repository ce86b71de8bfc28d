package main

//lint:file-ignore SA1019 the SDK prefers its second schema, which Grafana's file provisioning does not accept

import "github.com/grafana/grafana-foundation-sdk/go/dashboard"

// classic is a dashboard in the schema that file provisioning accepts.
type classic = dashboard.DashboardBuilder

// board returns a dashboard with the settings that all dashboards have in common.
func board(uid, title, description string) *classic {
	return dashboard.NewDashboardBuilder(title).Uid(uid).Description(description).Tags([]string{"chord"}).
		Time("now-15m", "now").Refresh("5s").Timezone("browser").Tooltip(dashboard.DashboardCursorSyncCrosshair).
		Link(dashboard.NewDashboardLinkBuilder("Chord").Type(dashboard.DashboardLinkTypeDashboards).
			Tags([]string{"chord"}).AsDropdown(true).KeepTime(true).IncludeVars(true)).
		WithVariable(dashboard.NewQueryVariableBuilder("ring").Label("Ring").
			Description("Which ring, by chord.ring.name").
			Query(dashboard.StringOrMap{String: ptr("label_values(chord_ring_error, chord_ring_name)")}).
			Datasource(source()).Refresh(dashboard.VariableRefreshOnTimeRangeChanged).Multi(false).IncludeAll(false)).
		Annotation(event("Members found dead", red, `sum by (chord_operation) (increase(chord_peer_failures_total[1m])) > 0`, "noticed in {{chord_operation}}")).
		Annotation(event("Members came or went", "blue", `delta(sum(chord_ring_members{chord_ring_name="$ring",chord_member_status="active"})[1m:]) != 0`, "active members changed"))
}

func event(name, color, expr, text string) *dashboard.AnnotationQueryBuilder {
	return dashboard.NewAnnotationQueryBuilder().Name(name).Datasource(source()).Enable(true).IconColor(color).
		Expr(expr).Step("15s").TitleFormat(name).TextFormat(text)
}
