// Quickstart takes payments without an account and without a network: it
// starts a fake gateway on the loopback interface, charges the message of the
// provider's own manual, and goes down the hard road too. It prints a table of
// what happened and what a till should do about it.
//
//	go run ./examples/quickstart
//
// With credentials it makes one real charge, of real money, instead:
//
//	go run ./examples/quickstart -credentials-example > shop.json
//	go run ./examples/quickstart -credentials shop.json
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "quickstart:", err)
		os.Exit(1)
	}
}

// run is main with its surroundings passed in.
func run(ctx context.Context, args []string, out, progress io.Writer) error {
	flags := flag.NewFlagSet("quickstart", flag.ContinueOnError)
	flags.SetOutput(progress)
	file := flags.String("credentials", "", "make one real charge with the credentials in `file`")
	example := flags.Bool("credentials-example", false, "print an example of such a file")
	if err := flags.Parse(args); err != nil {
		return err
	}
	switch {
	case *example:
		return printExample(out)
	case *file != "":
		return chargeForReal(ctx, *file, out, progress)
	}
	t := &table{out: out, progress: progress}
	for _, day := range []struct {
		provider string
		run      func(context.Context, *table) error
	}{
		{"fubei 付呗", fubeiDay},
		{"fufu 付付", fufuDay},
		{"guanaitong 关爱通", guanaitongDay},
		{"ysepay 银盛支付", ysepayDay},
	} {
		t.head(day.provider)
		if err := day.run(ctx, t); err != nil {
			return err
		}
		fmt.Fprintln(out)
	}
	fmt.Fprintln(out, "No account, no network: the gateways were packages fubeitest, fufutest, guanaitongtest and ysepaytest, which you can use in your own tests.")
	return nil
}
