import Plausible from "plausible-tracker";

const plausible = Plausible({ domain: "app.example", apiHost: "https://collector.example" });

export const purchase = (price) => plausible.trackEvent("purchase", { props: { price } });
export const view = () => plausible.trackPageview();
