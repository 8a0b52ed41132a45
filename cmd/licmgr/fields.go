package main

import (
	"strconv"
	"strings"

	"github.com/tslab/tslab/internal/edition"
	"github.com/tslab/tslab/ls/keypack"
	"github.com/tslab/tslab/wire/codes"
)

// What an order says beside the numbers of its program.

func kindField() keypack.Field {
	return keypack.CheckedField("kind", "Kind of licenses", func(s string) (string, error) {
		k, err := keypack.KindOf(s)
		return k.String(), first(err)
	})
}

func productField() keypack.Field {
	return keypack.CheckedField("product", "Product", func(s string) (string, error) {
		if strings.TrimSpace(s) == "" {
			return "", nil
		}
		p, err := keypack.ParseProduct(s)
		if err != nil {
			return "", &keypack.FieldError{Field: "product", Problem: err.Error(), Remedy: "or leave it out"}
		}
		return p.Name, nil
	})
}

func countField() keypack.Field {
	f := keypack.CheckedField("count", "Quantity", func(s string) (string, error) {
		n, err := strconv.ParseUint(strings.TrimSpace(s), 10, 32)
		if err != nil || n == 0 || n > codes.MaxCount {
			return "", &keypack.FieldError{Field: "count", Problem: strconv.QuoteToASCII(clip(s)) + " is no number of licenses", Remedy: "give a number from 1 to " + strconv.Itoa(codes.MaxCount)}
		}
		return strconv.FormatUint(n, 10), nil
	})
	f.Help = "as many as are to be installed of the purchase"
	return f
}

// contactField is the administrator's name, in full.
func contactField() keypack.Field {
	return keypack.CheckedField("contact", "Your first and last name", func(s string) (string, error) {
		if n := len(strings.Fields(s)); n == 1 {
			return "", &keypack.FieldError{Field: "contact", Problem: strconv.Quote(clip(s)) + " is one name", Remedy: "give the first and the last name"}
		}
		return strings.Join(strings.Fields(s), " "), nil
	})
}

func clip(s string) string { return s[:min(len(s), 20)] }

// first is the one fault of an error, as a field's check returns it.
func first(err error) error {
	if faults := keypack.FaultsOf(err); len(faults) > 0 {
		return faults[0]
	}
	return err
}

func productNames() []string {
	var names []string
	for _, p := range keypack.Products() {
		names = append(names, p.Name)
	}
	return names
}

// ownProduct is the product that a license server of the edition came with.
func ownProduct(p *edition.Profile) keypack.Product {
	list := keypack.Products()
	if p.Edition == edition.Server2003 {
		return list[len(list)-1]
	}
	return list[0]
}
