package main

import (
	"testing"

	"helm.sh/helm/v4/pkg/chart/v2/lint"
	"helm.sh/helm/v4/pkg/chart/v2/lint/support"
	"sigs.k8s.io/yaml"
)

func TestLint(t *testing.T) {
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var given map[string]any
			if err := yaml.Unmarshal([]byte(c.values), &given); err != nil {
				t.Fatal(err)
			}
			for _, message := range lint.RunAll(chartPath(c.chart), given, "flashpod-system").Messages {
				if message.Severity >= support.WarningSev {
					t.Error(message)
				}
			}
		})
	}
}
