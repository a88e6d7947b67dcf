package command

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
)

func recordingsDeleteCommand(from *recordingsSource) *cobra.Command {
	return &cobra.Command{
		Use:   "delete NAME --instance APPLICATION/INSTANCE",
		Short: "Delete one recorded stream",
		Args:  arguments("NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return from.with(cmd, func(ctx context.Context, l library) error {
				key, err := from.key()
				if err != nil {
					return err
				}
				of, err := from.one()
				if err == nil {
					err = l.remove(ctx, of, args[0], key)
				}
				if err != nil {
					return fmt.Errorf("delete %s: %w", args[0], err)
				}
				if from.output == "table" {
					fmt.Fprintf(cmd.OutOrStdout(), "%s is deleted.\n", args[0])
				}
				return nil
			})
		},
	}
}
