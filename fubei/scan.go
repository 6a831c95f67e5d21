package fubei

import (
	"context"
	"errors"
	"time"

	"github.com/duopay/duopay"
)

var scan = operation{method: "openapi.payment.order.scan", timeLimit: 35 * time.Second}

// ScanRequest opens an order that the payer pays by scanning a code. It is
// documented in official SDKs only; lengths are those of [SwipeRequest].
type ScanRequest struct {
	OrderNo       string       `json:"merchant_order_sn" validate:"required,max=32,orderno"`          // the merchant's order number, unique
	Type          PayType      `json:"type,omitempty" validate:"omitempty,oneof=1 2"`                 // TypeWeChat or TypeAlipay
	TotalFee      duopay.Money `json:"total_fee" validate:"required,yuan=0.01 9999999.99"`            // order amount, yuan
	StoreID       int64        `json:"store_id,omitempty" validate:"min=0,max=9999999999"`            // required if the merchant has several stores
	CashierID     int64        `json:"cashier_id,omitempty" validate:"min=0,max=9999999999"`          // cashier
	DeviceNo      string       `json:"device_no,omitempty" validate:"max=18"`                         // terminal
	Body          string       `json:"body,omitempty" validate:"max=128"`                             // what is paid for, as the payer sees it
	CallBackURL   string       `json:"call_back_url,omitempty" validate:"omitempty,max=256,http_url"` // where success is notified
	EquipmentType int          `json:"equipment_type,omitempty" validate:"omitempty,min=90,max=127"`  // only if agreed with the provider
	Attach        string       `json:"attach,omitempty" validate:"max=127"`                           // returned unchanged
	GoodsTag      string       `json:"goods_tag,omitempty"`                                           // coupon tag
	Detail        *Detail      `json:"detail,omitempty"`                                              // for single-item discounts
	SubAppID      string       `json:"sub_appid,omitempty"`                                           // official-account appid
}

func (r ScanRequest) check(time.Time) duopay.Violations { return r.Detail.check() }

// ScanReply has the code to draw. That the order is open says nothing about
// payment.
type ScanReply struct {
	Reply
	OrderNo   duopay.Text    `json:"merchant_order_sn"` // the merchant's order number
	OrderSN   duopay.Text    `json:"order_sn"`          // Fubei's order number
	TradeNo   duopay.Text    `json:"trade_no"`          // the number on the payer's bill
	QRCode    string         `json:"qr_code"`           // a text to be drawn as a QR code
	StoreID   duopay.Integer `json:"store_id"`          // 0 is none
	CashierID duopay.Integer `json:"cashier_id"`        // 0 is none
	UserID    duopay.Text    `json:"user_id"`           // payer, if known
}

// Scan opens an order for the payer to scan. It is sent again only if it never
// left. After [duopay.Unsure] query by order number; the code itself is lost
// then, so [Client.Close] the order and open another.
//
// Source: official Java SDK, openapi.payment.order.scan.
func (c *Client) Scan(ctx context.Context, r ScanRequest) (*ScanReply, error) {
	return call(ctx, c, scan, r, func(reply *ScanReply) error {
		if reply.QRCode == "" {
			return errors.New("qr_code is missing")
		}
		return nil
	})
}
