package guanaitongtest

// Values of is_third_orders.
const (
	withSubOrders    = 1
	withoutSubOrders = 2
)

// readTradeInfo checks the parameter trade_info. The manual prints no rule for
// its sums, and its own sample does not add up: nothing is added up here.
func readTradeInfo(in *fields, name string) string {
	text := in.text(name, 1, 4000)
	if text == "" {
		return ""
	}
	info := newObject(name+".", []byte(text))
	info.require("third_trade_no", "third_total_amount", "third_pay_amount", "third_cost_amount", "is_third_orders")
	info.text("third_trade_no", 1, 50)
	info.amount("third_total_amount", oneFen)
	info.amount("third_pay_amount", oneFen)
	info.amount("third_cost_amount", 0)
	switch info.whole("is_third_orders", withSubOrders, withoutSubOrders) {
	case withSubOrders:
		info.require("third_orders")
		info.list("third_orders", readSubOrder)
		info.exclude("goods_detail")
	case withoutSubOrders:
		info.require("goods_detail")
		info.list("goods_detail", readGoods)
		info.exclude("third_orders")
	}
	if err := info.done(); in.err == nil {
		in.err = err
	}
	return text
}

func readSubOrder(in *fields) {
	in.require("third_sub_trade_no", "third_sub_delivery_fee", "third_sub_total_amount",
		"third_sub_pay_amount", "third_sub_cost_amount", "goods_detail")
	in.text("third_sub_trade_no", 1, 50)
	in.amount("third_sub_delivery_fee", 0)
	in.amount("third_sub_total_amount", oneFen)
	in.amount("third_sub_pay_amount", oneFen)
	in.amount("third_sub_cost_amount", 0)
	in.list("goods_detail", readGoods)
}

// readGoods does without good_pay_amount: the table says it must be there, the
// remark at good_price that it may be left out.
func readGoods(in *fields) {
	in.require("sku_id", "name", "quantity", "good_price", "good_cost_amount")
	in.text("sku_id", 1, 50)
	in.text("name", 1, 50)
	in.whole("quantity", 1, 1<<31-1)
	in.amount("good_price", oneFen)
	in.amount("good_pay_amount", 0)
	in.amount("good_cost_amount", 0)
}

// exclude refuses a field that another one rules out.
func (f *fields) exclude(name string) {
	f.known[name] = true
	if f.has(name) {
		f.fail(codeValue, name, "does not go with is_third_orders")
	}
}
