// Package gatewayapi finds the Gateway API's own CustomResourceDefinitions for tests,
// in the module whose types the operator is built with.
package gatewayapi

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
)

// HTTPRoutes is the file with the definition of HTTPRoutes, of the standard channel.
func HTTPRoutes() (string, error) {
	const module = "sigs.k8s.io/gateway-api"
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", module).CombinedOutput()
	dir := strings.TrimSpace(string(out))
	if err != nil || dir == "" {
		return "", fmt.Errorf("find module %s: %w: %s", module, err, dir)
	}
	return filepath.Join(dir, "config", "crd", "standard", "gateway.networking.k8s.io_httproutes.yaml"), nil
}
