// Program dashboards writes the Grafana dashboards as JSON files in Grafana's Classic schema, which file provisioning
// requires; `make dashboards` runs it. The files are committed. The tests compare them with what the program writes,
// parse every expression with Prometheus's own parser, and check every metric and label against the tables of package
// chordevent. The program is a separate module because the conductor needs none of its dependencies.
package main
