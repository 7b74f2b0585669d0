# Numbers of R for tests/reference/test_weighting_*.py. Run from this folder: Rscript weighting.R
library(survival)
registry <- read.csv("registry.csv", stringsAsFactors = TRUE)
out <- list()
note <- function(model, quantity, values) {
  out[[length(out) + 1]] <<- data.frame(model = model, quantity = quantity, position = seq_along(values),
                                        value = sprintf("%.15g", as.numeric(values)))
}
fit <- glm(treated ~ age + grade + uptake, binomial, registry, epsilon = 1e-14, maxit = 100)
note("propensity", "coefficient", coef(fit)[-1])
note("propensity", "intercept", coef(fit)[1])
note("propensity", "std_error", sqrt(diag(vcov(fit)))[-1])
e <- fitted(fit)
note("propensity", "score", e[c(1, 17, 90, 180)])
z <- registry$treated
x <- model.matrix(~ 0 + age + grade + uptake, registry)
pooled <- sqrt((apply(x[z == 1, ], 2, var) + apply(x[z == 0, ], 2, var)) / 2)
note("balance", "smd", (colMeans(x[z == 1, ]) - colMeans(x[z == 0, ])) / pooled)
weights <- list(ATT = ifelse(z == 1, 1, e / (1 - e)), overlap = ifelse(z == 1, 1 - e, e),
                ATE = ifelse(z == 1, 1 / e, 1 / (1 - e)))
for (name in names(weights)) {
  w <- weights[[name]]
  means <- apply(x, 2, function(v) weighted.mean(v[z == 1], w[z == 1]) - weighted.mean(v[z == 0], w[z == 0]))
  note(name, "smd", means / pooled)
  note(name, "ess", c(sum(w[z == 1])^2 / sum(w[z == 1]^2), sum(w[z == 0])^2 / sum(w[z == 0]^2)))
  note(name, "sum", sum(w))
  cox <- coxph(Surv(time, event) ~ treated, registry, weights = w, robust = TRUE,
               control = coxph.control(eps = 1e-13, toler.chol = 1e-14))
  note(name, "cox", c(coef(cox), sqrt(vcov(cox)), exp(confint(cox))))
}
# Pseudo-observations of survival at 12 and 24 by brute force.
km <- function(d, t) summary(survfit(Surv(time, event) ~ 1, d), times = t, extend = TRUE)$surv
d <- registry[registry$treated == 1, ]
n <- nrow(d)
for (t in c(12, 24)) {
  pseudo <- sapply(seq_len(n), function(i) n * km(d, t) - (n - 1) * km(d[-i, ], t))
  note(paste0("pseudo_", t), "first_five", pseudo[1:5])
  note(paste0("pseudo_", t), "sums", c(sum(pseudo), sum(pseudo^2)))
}
# Augmented weighting at 24, with R's own Cox predictions (Efron) and the pseudo-observations above.
augmented <- function(t, name) {
  w <- weights[[name]]
  h <- list(ATT = z, overlap = e * (1 - e), ATE = rep(1, length(z)))[[name]]
  estimate <- outcome <- weighted <- numeric(2)
  influence <- matrix(0, length(z), 2)
  for (a in 1:0) {
    own <- which(z == a)
    m <- coxph(Surv(time, event) ~ age + grade + uptake, registry[own, ],
               control = coxph.control(eps = 1e-13, toler.chol = 1e-14))
    base <- survfit(m, newdata = registry, se.fit = FALSE, stype = 2, ctype = 2)
    p <- as.numeric(summary(base, times = t)$surv)
    y <- sapply(seq_along(own), function(i)
      length(own) * km(registry[own, ], t) - (length(own) - 1) * km(registry[own[-i], ], t))
    r <- numeric(length(z))
    r[own] <- y - p[own]
    wa <- ifelse(z == a, w, 0) / sum(w[own])
    outcome[2 - a] <- sum(h * p) / sum(h)
    estimate[2 - a] <- outcome[2 - a] + sum(wa * r)
    weighted[2 - a] <- sum(wa[own] * y)
    influence[, 2 - a] <- h / sum(h) * (p - outcome[2 - a]) + wa * (r - sum(wa * r))
  }
  c(estimate, -diff(estimate), sqrt(sum((influence[, 1] - influence[, 2])^2)), -diff(outcome), -diff(weighted))
}
for (name in names(weights)) note(paste0("standardised_", name), "at_24", augmented(24, name))
stamp <- sprintf("# %s; survival %s; made by weighting.R", R.version.string, packageVersion("survival"))
writeLines(c(stamp, capture.output(write.csv(do.call(rbind, out), row.names = FALSE, quote = FALSE))), "weighting.csv")
