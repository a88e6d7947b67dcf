// Command chart writes what charts/ has from elsewhere, so that nothing is
// written down twice: the objects of config/ that the operator's chart installs,
// the schemas of both charts' values, and both README.md. `make generate` calls
// it, and with --check it only says what is out of date.
//
//	config/…                        charts/flashpod/files/…
//	charts/flashpod/values.yaml     charts/flashpod/values.schema.json, README.md
//	the CustomResourceDefinition    charts/flashpod-instance/values.schema.json
//	hack/chart/text/…               the rest of both
//
// Its tests are those of the charts, with the SDKs of Helm 4 and 3, which is why
// the module is a nested one. They lint the charts, compare them with config/,
// render every branch, and install, upgrade, roll back, take over and uninstall
// on a real API server, whose folder KUBEBUILDER_ASSETS names.
//
// A release is tested as the successor of what testdata/ holds. That is
// 3dc204b.yaml, the operator as kubectl installed it before there was a chart.
// When a chart is released, pack it into testdata/ (helm package charts/flashpod)
// and let TestUpgrade begin from it as well.
package main
