package main

import (
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// The fields that Grafana documents for provisioning (administration/provisioning; datasources/prometheus/configure).
// Grafana ignores fields that it does not know, so a misspelt field has no effect.
type (
	dataSources struct {
		APIVersion        int `yaml:"apiVersion"`
		Prune             bool
		DeleteDatasources []struct {
			Name  string
			OrgID int `yaml:"orgId"`
		} `yaml:"deleteDatasources"`
		Datasources []struct {
			Name, Type, Access, UID, URL, User, Database string
			OrgID                                        int    `yaml:"orgId"`
			BasicAuth                                    bool   `yaml:"basicAuth"`
			BasicAuthUser                                string `yaml:"basicAuthUser"`
			WithCredentials                              bool   `yaml:"withCredentials"`
			IsDefault                                    bool   `yaml:"isDefault"`
			Editable                                     bool
			Version                                      int
			SecureJSONData                               map[string]string `yaml:"secureJsonData"`
			JSONData                                     struct {
				HTTPMethod            string `yaml:"httpMethod"`
				TimeInterval          string `yaml:"timeInterval"`
				QueryTimeout          string `yaml:"queryTimeout"`
				ManageAlerts          bool   `yaml:"manageAlerts"`
				PrometheusType        string `yaml:"prometheusType"`
				PrometheusVersion     string `yaml:"prometheusVersion"`
				CacheLevel            string `yaml:"cacheLevel"`
				DisableMetricsLookup  bool   `yaml:"disableMetricsLookup"`
				CustomQueryParameters string `yaml:"customQueryParameters"`
				IncrementalQuerying   bool   `yaml:"incrementalQuerying"`
				ExemplarDestinations  []struct {
					Name            string
					DatasourceUID   string `yaml:"datasourceUid"`
					URL             string
					URLDisplayLabel string `yaml:"urlDisplayLabel"`
				} `yaml:"exemplarTraceIdDestinations"`
			} `yaml:"jsonData"`
		}
	}
	providers struct {
		APIVersion int `yaml:"apiVersion"`
		Providers  []struct {
			Name, Folder, Type    string
			OrgID                 int    `yaml:"orgId"`
			FolderUID             string `yaml:"folderUid"`
			DisableDeletion       bool   `yaml:"disableDeletion"`
			UpdateIntervalSeconds int    `yaml:"updateIntervalSeconds"`
			AllowUIUpdates        bool   `yaml:"allowUiUpdates"`
			Options               struct {
				Path                      string
				FoldersFromFilesStructure bool `yaml:"foldersFromFilesStructure"`
			}
		}
	}
)

// strictly decodes a provisioning file, and fails the test if the file has a field that Grafana does not document.
func strictly(t *testing.T, file string, into any) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("grafana/provisioning", file))
	if err != nil {
		t.Fatal(err)
	}
	decoder := yaml.NewDecoder(strings.NewReader(string(text)))
	decoder.KnownFields(true)
	if err := decoder.Decode(into); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	if strings.Contains(string(text), "$") {
		t.Errorf("%s: contains a $, and Grafana would expand what follows as a variable", file)
	}
}

func TestProvisioning(t *testing.T) {
	var sources dataSources
	strictly(t, "datasources/datasources.yaml", &sources)
	types, defaults := map[string]string{}, 0
	for _, s := range sources.Datasources {
		if s.Name == "" || s.UID == "" || s.Access != "proxy" || !strings.HasPrefix(s.URL, "http://"+s.Type+":") || types[s.UID] != "" {
			t.Errorf("data source %+v: expected a name, a uid of its own, the access mode proxy, and the URL of its service", s)
		}
		types[s.UID] = s.Type
		if s.IsDefault {
			defaults++
		}
	}
	if sources.APIVersion != 1 || types[prometheusUID] != "prometheus" || defaults != 1 {
		t.Errorf("version %d, %d default data sources, data sources %v: expected version 1 and one default, the data source %s of the dashboards", sources.APIVersion, defaults, types, prometheusUID)
	}
	links := 0
	for _, s := range sources.Datasources {
		for _, to := range s.JSONData.ExemplarDestinations {
			links++
			if to.Name != "trace_id" || types[to.DatasourceUID] != "jaeger" || to.URL != "" {
				t.Errorf("the exemplars' link is %+v: expected the label trace_id and an existing data source", to)
			}
		}
	}
	if links != 1 {
		t.Errorf("%d links from exemplars to traces, want 1", links)
	}

	var boards providers
	strictly(t, "dashboards/dashboards.yaml", &boards)
	var compose struct {
		Services map[string]struct{ Volumes []string }
	}
	read(t, "../docker-compose.yml", &compose)
	mounted := map[string]string{}
	for _, volume := range compose.Services["grafana"].Volumes {
		if parts := strings.Split(volume, ":"); len(parts) > 1 {
			mounted[parts[1]] = parts[0]
		}
	}
	if boards.APIVersion != 1 || len(boards.Providers) != 1 {
		t.Fatalf("the providers of dashboards are %+v", boards)
	}
	p := boards.Providers[0]
	if p.Type != "file" || p.Name == "" || p.FolderUID == "" || path.Clean(mounted[p.Options.Path]) != path.Join("dashboards", folder) {
		t.Errorf("provider %+v reads %q; the dashboards are in dashboards/%s", p, mounted[p.Options.Path], folder)
	}
	if from := mounted["/etc/grafana/provisioning"]; path.Clean(from) != "dashboards/grafana/provisioning" {
		t.Errorf("docker-compose.yml mounts %q as the folder of Grafana's provisioning", from)
	}
}
