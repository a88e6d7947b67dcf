package main

import (
	"fmt"
	"log/slog"
	"os"

	"github.com/go-logr/logr"
	"github.com/spf13/cobra"
	ctrl "sigs.k8s.io/controller-runtime"

	"flashpod.dev/flashpod/controllers/gateway"
)

// routesCommand writes the routes of a gateway that stands beside it.
func routesCommand() *cobra.Command {
	var cfg gateway.Config
	cmd := &cobra.Command{
		Use:   "routes --out FILE --namespaces-file FILE --key-file FILE",
		Short: "Keep the file of routes up to date that a gateway reads (flashpod gateway --routes)",
		Long: `Keep the file of routes up to date that a gateway reads (flashpod gateway --routes).

It runs beside the gateway, in a container of its own: it may read AppInstances and
nothing else, and has the key that those of origins are made of, and the gateway has
neither. While the API server is away the file stays as it is.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg.Log = slog.New(slog.NewJSONHandler(os.Stderr, nil))
			ctrl.SetLogger(logr.FromSlogHandler(cfg.Log.Handler()))
			var err error
			if cfg.Cluster, err = ctrl.GetConfig(); err != nil {
				return fmt.Errorf("find the cluster: %w", err)
			}
			return gateway.Run(cmd.Context(), cfg)
		},
	}
	l := cmd.Flags()
	l.SortFlags = false
	l.StringVar(&cfg.Out, "out", "", "file of routes, which is replaced as a whole")
	l.StringVar(&cfg.GrantsFile, "namespaces-file", "", "file that says which namespaces the gateway serves, with which hosts")
	l.StringVar(&cfg.MasterFile, "key-file", "", "file with the key that those of origins are made of")
	l.StringSliceVar(&cfg.Namespaces, "namespaces", nil, "namespaces to look into (default: all)")
	for _, name := range []string{"out", "namespaces-file", "key-file"} {
		_ = cmd.MarkFlagRequired(name)
	}
	return cmd
}
