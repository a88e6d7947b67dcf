package command

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/pflag"
	"k8s.io/apimachinery/pkg/api/resource"

	"flashpod.dev/flashpod/mediaserver/server"
)

// keeping is how much an edge keeps of its origin's recordings, and where.
type keeping struct{ size, dir string }

func (k *keeping) addTo(f *pflag.FlagSet, who string) {
	f.StringVar(&k.dir, "cache-dir", "", "folder where "+who+" keeps what it has read of recordings (default: one of its own in the user's cache folder, or that of temporary files)")
	f.StringVar(&k.size, "cache-size", "10Gi", "how many bytes it keeps there; 0: none")
}

// into says it to a server.
func (k *keeping) into(cfg *server.Config) error {
	size, err := resource.ParseQuantity(k.size)
	if err != nil || size.Sign() < 0 {
		return fmt.Errorf("--cache-size %q: it is a number of bytes, such as 10Gi", k.size)
	}
	cfg.CacheSize, cfg.CacheDir = size.Value(), k.dir
	under, err := os.UserCacheDir()
	if err != nil {
		under = os.TempDir() // in a pod nobody has a home
	}
	cfg.CacheUnder = filepath.Join(under, "flashpod", "recordings")
	return nil
}
