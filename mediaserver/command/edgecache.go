package command

import (
	"fmt"
	"os"
	"path/filepath"

	"k8s.io/apimachinery/pkg/api/resource"
)

// keepPieces says how much an edge keeps of its origin's recordings, and where.
func (s *serving) keepPieces() error {
	size, err := resource.ParseQuantity(s.cacheSize)
	if err != nil || size.Sign() < 0 {
		return fmt.Errorf("--cache-size %q: it is a number of bytes, such as 10Gi", s.cacheSize)
	}
	s.cfg.CacheSize = size.Value()
	under, err := os.UserCacheDir()
	if err != nil {
		under = os.TempDir() // in a pod nobody has a home
	}
	s.cfg.CacheUnder = filepath.Join(under, "flashpod", "recordings")
	return nil
}
