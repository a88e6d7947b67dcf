package command

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"flashpod.dev/flashpod/mediaserver/web"
)

func recordingsInfoCommand(from *recordingsSource) *cobra.Command {
	return &cobra.Command{
		Use:   "info NAME --instance APPLICATION/INSTANCE",
		Short: "Describe one recorded stream",
		Args:  arguments("NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return from.with(cmd, func(ctx context.Context, l library) error {
				of, err := from.one()
				var one web.Recording
				if err == nil {
					one, err = l.find(ctx, of, args[0])
				}
				if err != nil {
					return fmt.Errorf("recording %s: %w", args[0], err)
				}
				if from.output == "json" {
					return printJSON(cmd.OutOrStdout(), one)
				}
				return printOne(cmd.OutOrStdout(), one)
			})
		},
	}
}
