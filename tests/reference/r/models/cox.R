# Numbers of R's survival package for tests/reference/test_models_*.py. Run from this folder: Rscript cox.R
library(survival)
registry <- read.csv("registry.csv", stringsAsFactors = TRUE)
counting <- read.csv("counting.csv", stringsAsFactors = TRUE)
out <- list()
note <- function(model, quantity, values) {
  out[[length(out) + 1]] <<- data.frame(model = model, quantity = quantity, position = seq_along(values),
                                        value = sprintf("%.15g", as.numeric(values)))
}
tight <- coxph.control(eps = 1e-13, toler.chol = 1e-14, iter.max = 60)
describe <- function(model, fit, zph = c("km", "identity", "rank", "log"), score = TRUE) {
  note(model, "coefficient", coef(fit))
  note(model, "std_error", sqrt(diag(vcov(fit))))
  note(model, "covariance_first_row", vcov(fit)[1, ])
  note(model, "log_likelihood", rev(fit$loglik))
  note(model, "wald", fit$wald.test)
  note(model, "score", fit$score)
  cc <- concordance(fit)
  note(model, "concordance", cc$concordance)
  for (transform in zph) {
    z <- cox.zph(fit, transform = transform)
    note(model, paste0("zph_", transform), z$table[, "chisq"])
    if (transform == "km") {
      note(model, "zph_p", z$table[, "p"])
      note(model, "zph_df", z$table[, "df"])
      note(model, "zph_x_sum", c(sum(z$x), sum(z$x^2)))
      note(model, "zph_y_weighted_sums", colSums(z$y * z$x, na.rm = TRUE))
      note(model, "zph_y_square_sums", colSums(z$y^2, na.rm = TRUE))
      note(model, "zph_var", diag(as.matrix(z$var)))
    }
  }
  if (score) {
    note(model, "score_residual_squares", colSums(as.matrix(residuals(fit, "score"))^2))
    note(model, "dfbeta_cubes", colSums(as.matrix(residuals(fit, "dfbeta", weighted = TRUE))^3))
  }
}
surv <- with(registry, Surv(time, event))
late <- with(registry, Surv(entry, time, event))
f <- function(...) {
  call <- match.call()
  call[[1]] <- quote(coxph)
  call$control <- quote(tight)
  eval(call, parent.frame())
}
describe("lung", f(Surv(time, status) ~ age + sex + ph.ecog, lung))
describe("veteran", f(Surv(time, status) ~ trt + celltype + karno + diagtime + age + prior, veteran))
describe("veteran_strata", f(Surv(time, status) ~ trt + karno + strata(celltype), veteran))
describe("efron", f(surv ~ age + grade + treated, registry))
describe("robust", f(surv ~ age + grade + treated, registry, robust = TRUE))
describe("cluster", f(surv ~ age + grade + treated, registry, cluster = cluster))
describe("weights", f(surv ~ age + grade + treated, registry, weights = weight, robust = TRUE))
describe("weights_cluster_strata", f(surv ~ age + grade + treated + strata(centre), registry, weights = weight,
                                     cluster = cluster))
describe("late", f(late ~ age + grade + treated, registry))
describe("late_strata", f(late ~ age + grade + treated + strata(centre), registry))
describe("late_weights", f(late ~ age + grade + treated, registry, weights = weight, cluster = patient))
describe("counting_model", f(Surv(start, stop, event) ~ responding + size + sex, counting))
describe("counting_robust", f(Surv(start, stop, event) ~ responding + size + sex, counting, cluster = patient))
describe("counting_strata", f(Surv(start, stop, event) ~ responding + size + strata(sex), counting,
                              cluster = patient))

for (tau in c(24, 48)) {
  uno <- concordance(surv ~ uptake, registry, timewt = "n/G2", ymax = tau, reverse = TRUE)
  note(paste0("uno_", tau), "concordance", c(uno$concordance, sqrt(uno$var)))
}
harrell <- concordance(surv ~ uptake, registry, weights = weight, reverse = TRUE)
note("harrell_weights", "concordance", harrell$concordance)
harrell <- concordance(late ~ age, registry, weights = weight, cluster = cluster, reverse = TRUE)
note("harrell_late_cluster", "concordance", harrell$concordance)
harrell <- concordance(surv ~ age + strata(centre), registry, reverse = TRUE)
note("harrell_strata", "concordance", harrell$concordance)

for (level in levels(registry$grade)) {
  fit <- f(surv ~ treated, registry, subset = grade == level)
  note(paste0("subgroup_", level), "coefficient", c(coef(fit), sqrt(vcov(fit))))
}
fit1 <- f(surv ~ treated * grade, registry)
fit0 <- f(surv ~ treated + grade, registry)
note("interaction", "likelihood_ratio", anova(fit0, fit1)[2, c("Chisq", "Pr(>|Chi|)")])

for (k in c(0, 4, 57)) {
  note(paste0("poisson_", k), "interval", cipoisson(k))
}
test <- poisson.test(c(31, 44), c(812.5, 690.25))
note("rate_ratio", "estimate", c(test$estimate, test$conf.int, test$p.value))

numbers <- do.call(rbind, out)
stamp <- sprintf("# %s; survival %s; made by cox.R", R.version.string, packageVersion("survival"))
writeLines(c(stamp, capture.output(write.csv(numbers, row.names = FALSE, quote = FALSE))), "cox.csv")
