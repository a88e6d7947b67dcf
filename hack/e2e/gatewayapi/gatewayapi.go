// Package gatewayapi finds the Gateway API's own CustomResourceDefinitions for tests,
// in the module whose types the operator is built with.
package gatewayapi

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
)

// The kinds of the standard channel that tests install, as their files are called.
const (
	Gateways   = "gateways"
	HTTPRoutes = "httproutes"
	TCPRoutes  = "tcproutes"
	TLSRoutes  = "tlsroutes"
)

// Files are the files with the definitions of kinds, of the standard channel.
func Files(kinds ...string) (all []string, err error) {
	const module = "sigs.k8s.io/gateway-api"
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", module).CombinedOutput()
	dir := strings.TrimSpace(string(out))
	if err != nil || dir == "" {
		return nil, fmt.Errorf("find module %s: %w: %s", module, err, dir)
	}
	for _, kind := range kinds {
		all = append(all, filepath.Join(dir, "config", "crd", "standard", "gateway.networking.k8s.io_"+kind+".yaml"))
	}
	return all, nil
}
