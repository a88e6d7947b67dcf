package command

import (
	"context"

	"github.com/spf13/cobra"
)

func recordingsInfoCommand(from *recordingsSource) *cobra.Command {
	return &cobra.Command{
		Use:   "info NAME --instance APPLICATION/INSTANCE",
		Short: "Describe one recorded stream",
		Args:  arguments("NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return from.with(cmd, func(ctx context.Context, c *recordingsClient) error {
				one, err := c.find(ctx, from.instance, args[0])
				if err != nil {
					return err
				}
				if from.output == "json" {
					return printJSON(cmd.OutOrStdout(), one)
				}
				return printOne(cmd.OutOrStdout(), one)
			})
		},
	}
}
