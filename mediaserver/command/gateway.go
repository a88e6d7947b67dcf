package command

import (
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"time"

	"github.com/spf13/cobra"

	"flashpod.dev/flashpod/mediaserver/budget"
	"flashpod.dev/flashpod/mediaserver/server"
)

const gatewayLong = `Serve instances of several servers at one address. FILE says by which host,
application and instance a client comes to which server, in YAML:

  routes:
  - name: lobby                    # of the route
    application: chatRoom
    instance: lobby                # default: _definst_
    origin: 127.0.0.1:1936         # RTMP, or --link-address, of a server with --link-key-file
    linkKeyFile: lobby.key         # a copy of it, beside FILE
  - name: shows
    application: shows
    onDemandInstances: true        # and every other instance of the application
    origin: 127.0.0.1:1937
    linkKeyFile: shows.key
  - name: games
    application: games
    onDemandInstances: true
    hosts: ["*.example.com"]       # that clients call; default: any
    shards:                        # instances are spread over several servers
    - {origin: "192.0.2.2:1935", linkKeyFile: a.key, instances: [kept]}
    - {origin: "192.0.2.3:1935", linkKeyFile: b.key}
    - {origin: "192.0.2.4:1935", linkKeyFile: c.key, leaving: true} # nothing new comes there

A host is what stands in the client's URL, and by RTMPS what it calls in the handshake
of TLS. The most exact host that a route has counts alone: what is not found there is
nowhere, also where a route without hosts has it: such a route needs that host, too. An instance that a route names comes before one on demand. Of two routes with
the same name the older counts, by created or by their order in FILE; the log names the
other. Instances of shards stay with the one that lists them, or that says, when the
first client comes, that it has them; others are with the one that hashing gives them.

FILE is read again when it changes, and the keys that it names; one that is wrong leaves
the one before in its place. A key that is missing costs its own origin alone. Who is connected stays connected.

By --rtmps-address the gateway serves RTMPS: with the certificate in --tls-folder that
has the name which the client calls (DIR/ANY/tls.crt and tls.key), or else with that of
--tls-cert-file and --tls-key-file, which is needed beside the folder, for clients that
call no name.`

const gatewayExample = `  # two servers on this machine, and one address for both: the first two routes of above
  flashpod serve -f lobby.yaml --data a --rtmp-address 127.0.0.1:1936 --http-address 127.0.0.1:8081 --link-key-file lobby.key
  flashpod serve -f shows.yaml --data b --rtmp-address 127.0.0.1:1937 --http-address 127.0.0.1:8082 --link-key-file shows.key
  flashpod gateway --routes routes.yaml --rtmp-address :1935`

func gatewayCommand(version string) *cobra.Command {
	var cfg server.Config
	var logLevel, logFormat string
	var kept keeping
	cmd := &cobra.Command{
		Use:     "gateway --routes FILE",
		Short:   "Serve instances of several servers at one address",
		Long:    gatewayLong,
		Example: gatewayExample,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if cfg.Routes == "" {
				return usage(errors.New("--routes says which servers there are: see flashpod gateway --help"))
			}
			if u, err := url.Parse(cfg.WakeURL); err != nil || cfg.WakeURL != "" && (u.Scheme != "http" && u.Scheme != "https" || u.Host == "") {
				return usage(fmt.Errorf("--wake-url %q: it is the URL of who wakes instances, such as http://HOST:PORT/wake", cfg.WakeURL))
			}
			if err := kept.into(&cfg); err != nil {
				return usage(err)
			}
			lines, err := openLog(logLevel, logFormat)
			if err != nil {
				return err
			}
			defer lines.Close(lastLines)
			log := slog.New(lines.Handler())
			cfg.Version, cfg.Log, cfg.LeftOut = version, log, lines.LeftOut
			boundMemory(budget.Container())
			srv, err := server.New(cfg, nil)
			if err != nil {
				return err
			}
			if err := srv.Listen(); err != nil {
				return err
			}
			if logFormat == "json" {
				announce(log, srv, version)
			} else {
				lines.Flush(lastLines)
				banner(cmd.OutOrStdout(), srv, version)
			}
			return srv.Run(cmd.Context())
		},
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.StringVar(&cfg.Routes, "routes", "", "file that says which instances are where; read again when it changes, and may come later")
	f.StringVar(&cfg.WakeURL, "wake-url", "", "where to ask for instances to be woken that sleep, such as http://HOST:PORT/wake (default: nobody wakes them)")
	f.StringVar(&cfg.RTMPAddress, "rtmp-address", "127.0.0.1:1935", "where clients connect; port 0 takes any free port")
	f.StringVar(&cfg.RTMPSAddress, "rtmps-address", "", "where clients connect by TLS, such as :443 (default: nowhere)")
	f.StringVar(&cfg.TLSCertFile, "tls-cert-file", "", "certificate for --rtmps-address, PEM; read again when it changes, and may come later")
	f.StringVar(&cfg.TLSKeyFile, "tls-key-file", "", "its private key, PEM")
	f.StringVar(&cfg.TLSFolder, "tls-folder", "", "folder of folders with tls.crt and tls.key, for clients that call the names in them; --tls-cert-file is for all others")
	kept.addTo(f, "the gateway")
	f.StringVar(&cfg.HTTPAddress, "http-address", "127.0.0.1:8080", "where health, metrics and the console are served; port 0 takes any free port")
	f.StringVar(&cfg.ConsoleTokens, "console-tokens", "", "folder with the tokens of the console at --http-address, in the files admin and viewer; read again when they change, and may come later (default: nobody is let in)")
	f.StringArrayVar(&cfg.HTTPNames, "http-host", nil, "name that --http-address is asked under, besides its addresses, localhost and what the hosts file calls this machine; may be repeated")
	f.StringVar(&cfg.DebugAddress, "debug-address", "", "where developers find profiles, goroutines and how far behind the server is: a loopback address, such as 127.0.0.1:6060 (default: nowhere)")
	f.IntVar(&cfg.MaxConnections, "max-connections", 0, "how many connections may be open at once (default: a third of those that serve takes, since each may need one to its instance and one for its stream)")
	f.DurationVar(&cfg.DrainTimeout, "drain-timeout", 10*time.Second, "how long clients may take to leave at the end, and are served on")
	f.StringVar(&logLevel, "log-level", "info", "debug, info, warn or error")
	f.StringVar(&logFormat, "log-format", "text", "text or json")
	for _, folder := range []string{"tls-folder", "console-tokens"} {
		_ = cmd.MarkFlagDirname(folder)
	}
	return cmd
}
