// Program dashboards writes the Grafana dashboards as JSON files in Grafana's Classic schema, the one that file
// provisioning takes: `make dashboards`. The files are committed; the tests compare them with what the program writes,
// parse every expression with Prometheus's own parser, and hold every metric and label against the table of package
// chordevent. It is a module of its own because the conductor needs none of its dependencies.
package main
