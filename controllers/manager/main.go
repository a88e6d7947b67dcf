// Command manager is the operator: it makes pods, Services and volumes of
// AppInstances. This package is its command line only; package controllers does
// the work.
package main

import (
	"fmt"
	"log/slog"
	"os"

	"github.com/go-logr/logr"
	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	"sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"flashpod.dev/flashpod/api/v1alpha1"
	"flashpod.dev/flashpod/controllers"
)

// version is set by the linker (-X main.version=…).
var version = "dev"

func main() {
	if err := command().ExecuteContext(ctrl.SetupSignalHandler()); err != nil {
		fmt.Fprintln(os.Stderr, "manager:", err)
		os.Exit(1)
	}
}

func command() *cobra.Command {
	var image, metrics, health string
	var elect bool
	cmd := &cobra.Command{
		Use:           "manager --media-image IMAGE",
		Short:         "Flashpod's operator: makes media servers of AppInstances",
		Version:       version,
		Args:          cobra.NoArgs,
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if image == "" {
				return fmt.Errorf("no media image: set --media-image or MEDIA_IMAGE to the image of instances that name none")
			}
			log := logr.FromSlogHandler(slog.NewJSONHandler(os.Stderr, nil))
			ctrl.SetLogger(log)
			scheme := runtime.NewScheme()
			for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, v1alpha1.AddToScheme} {
				if err := add(scheme); err != nil {
					return err
				}
			}
			config, err := ctrl.GetConfig()
			if err != nil {
				return fmt.Errorf("find the cluster: %w", err)
			}
			m, err := ctrl.NewManager(config, ctrl.Options{
				Scheme:                        scheme,
				Cache:                         controllers.CacheOptions(),
				Metrics:                       server.Options{BindAddress: metrics},
				HealthProbeBindAddress:        health,
				LeaderElection:                elect,
				LeaderElectionID:              "operator.media.flashpod.dev",
				LeaderElectionReleaseOnCancel: true,
			})
			if err != nil {
				return fmt.Errorf("start: %w", err)
			}
			r := &controllers.Reconciler{
				Client: m.GetClient(), APIReader: m.GetAPIReader(),
				Events: m.GetEventRecorder(controllers.FieldManager), MediaImage: image,
			}
			if err := r.SetupWithManager(m); err != nil {
				return err
			}
			if err := m.AddHealthzCheck("ping", healthz.Ping); err != nil {
				return err
			}
			if err := m.AddReadyzCheck("ping", healthz.Ping); err != nil {
				return err
			}
			log.Info("starting", "version", version, "mediaImage", image)
			return m.Start(cmd.Context())
		},
	}
	f := cmd.Flags()
	f.StringVar(&image, "media-image", os.Getenv("MEDIA_IMAGE"), "media server image of instances that name none (default: MEDIA_IMAGE)")
	f.StringVar(&metrics, "metrics-address", ":8080", "where Prometheus metrics are served; 0 for nowhere")
	f.StringVar(&health, "health-address", ":8081", "where /healthz and /readyz are served")
	f.BoolVar(&elect, "leader-elect", false, "let one of several operators work at a time")
	return cmd
}
